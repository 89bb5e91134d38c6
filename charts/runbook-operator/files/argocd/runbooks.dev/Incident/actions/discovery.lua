-- A table each, since Argo CD refuses one that is in two places. It asks for parameters from 3.1 on.
local resolved = obj.spec.resolved == true
return {
  acknowledge = {
    displayName = "Acknowledge: you work on it",
    iconClass = "fa fa-fw fa-hand-paper",
    disabled = resolved or obj.spec.acknowledged == true,
    params = { { name = "acknowledgedFor" } },
  },
  resolve = {
    displayName = "Resolve",
    iconClass = "fa fa-fw fa-check",
    disabled = resolved,
    params = { { name = "resolution" } },
  },
}
