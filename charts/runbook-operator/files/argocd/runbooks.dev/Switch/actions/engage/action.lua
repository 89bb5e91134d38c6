local given = actionParams or {}
local function text(name)
  if given[name] ~= nil and given[name] ~= "" then
    return given[name]
  end
end

obj.spec.engaged = true
obj.spec.reason = text("reason") or "engaged in Argo CD"
obj.spec.expiresAfter = text("expiresAfter")
return obj
