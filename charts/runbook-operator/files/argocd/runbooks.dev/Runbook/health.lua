-- An engaged switch and an unhealthy service leave a Runbook Healthy: Argo CD's later sync waves wait for that, and a
-- sync is often the cure.
local function condition(kind)
  for _, one in ipairs(obj.status.conditions or {}) do
    if one.type == kind then
      return one
    end
  end
  return {}
end

if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return { status = "Progressing", message = "the operator has not seen this version of it yet" }
end

local ready = condition("Ready")
if ready.status ~= "True" then
  -- What nothing but an edit mends; everything else may still appear.
  local broken = { InvalidSpec = true, NameCollision = true, ServiceAccountRequired = true }
  return { status = broken[ready.reason] and "Degraded" or "Progressing", message = ready.message or "" }
end

local suspended = condition("Suspended")
if suspended.status == "True" then
  return { status = "Suspended", message = suspended.message or "" }
end

local message = (obj.status.engaged or 0) .. " of " .. (obj.status.switches or 0) .. " switches engaged"
local healthy = condition("Healthy")
if healthy.status == "False" then
  message = message .. "; " .. (healthy.message or "")
end
return { status = "Healthy", message = message }
