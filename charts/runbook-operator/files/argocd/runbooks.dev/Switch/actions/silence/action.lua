local given = actionParams or {}
local function text(name)
  if given[name] ~= nil and given[name] ~= "" then
    return given[name]
  end
end

obj.spec.engaged = false
obj.spec.reason = text("reason") or "silenced in Argo CD"
obj.spec.expiresAfter = text("expiresAfter")
return obj
