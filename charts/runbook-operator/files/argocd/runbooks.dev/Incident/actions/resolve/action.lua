local given = actionParams or {}

obj.spec.resolved = true
if given.resolution ~= nil and given.resolution ~= "" then
  obj.spec.resolution = given.resolution
elseif (obj.spec.resolution or "") == "" then
  obj.spec.resolution = "resolved in Argo CD"
end
return obj
