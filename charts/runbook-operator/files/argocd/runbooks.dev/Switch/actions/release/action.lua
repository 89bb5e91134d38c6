local given = actionParams or {}

obj.spec.engaged = nil
obj.spec.expiresAfter = nil
obj.spec.reason = "released in Argo CD"
if given.reason ~= nil and given.reason ~= "" then
  obj.spec.reason = given.reason
end
return obj
