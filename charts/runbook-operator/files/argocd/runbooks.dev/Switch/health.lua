-- An engaged switch is Healthy: it does what it is for. Only Stalled needs a person.
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

local stalled, reconciling, ready = condition("Stalled"), condition("Reconciling"), condition("Ready")
if stalled.status == "True" then
  return { status = "Degraded", message = stalled.message or "" }
end
if reconciling.status == "True" then
  return { status = "Progressing", message = reconciling.message or "" }
end
if ready.status ~= "True" then
  return { status = "Progressing", message = ready.message or "" }
end

if condition("Engaged").reason == "NothingToDo" then
  return { status = "Healthy", message = condition("Engaged").message or "" }
end
if condition("Engaged").status ~= "True" then
  local automatic = condition("Automatic")
  if automatic.status == "False" and automatic.reason ~= "Manual" then
    return { status = "Healthy", message = "Released; " .. (automatic.message or "") }
  end
  return { status = "Healthy", message = "Released" }
end

local message = "Engaged by " .. (obj.status.engagedBy or "somebody") .. " since " .. (obj.status.engagedAt or "?")
local record = obj.status.record or {}
if (record.reason or "") ~= "" then
  message = message .. ": " .. record.reason
end
local contested = condition("Contested")
if contested.status == "True" then
  message = message .. "; " .. (contested.message or "")
end
return { status = "Healthy", message = message }
