-- A table each, since Argo CD refuses one that is in two places. It asks for parameters from 3.1 on.
local function asked()
  return { { name = "reason" }, { name = "expiresAfter" } }
end

local said = obj.spec.engaged
return {
  engage = {
    displayName = "Engage",
    iconClass = "fa fa-fw fa-toggle-on",
    disabled = said == true,
    params = asked(),
  },
  release = {
    displayName = "Release: leave it to what is automatic",
    iconClass = "fa fa-fw fa-toggle-off",
    disabled = said == nil,
    params = { { name = "reason" } },
  },
  silence = {
    displayName = "Hold released: silence what is automatic",
    iconClass = "fa fa-fw fa-bell-slash",
    disabled = said == false,
    params = asked(),
  },
}
