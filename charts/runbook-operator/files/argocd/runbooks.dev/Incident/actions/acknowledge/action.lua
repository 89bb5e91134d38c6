local given = actionParams or {}

obj.spec.acknowledged = true
if given.acknowledgedFor ~= nil and given.acknowledgedFor ~= "" then
  obj.spec.acknowledgedFor = given.acknowledgedFor
end
return obj
