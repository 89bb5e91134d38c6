-- An open incident is Healthy: the operator does what it is for, and the sync that repairs the service must not wait.
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
  return { status = "Degraded", message = ready.message or "" }
end

local message = (obj.status.severity or obj.spec.severity or "Incident") .. " " .. (obj.status.phase or "Open")
local function by(name)
  if (name or "") ~= "" then
    message = message .. " by " .. name
  end
end
if obj.status.phase == "Acknowledged" then
  by(obj.status.acknowledgedBy)
elseif obj.status.phase == "Resolved" then
  by(obj.status.resolvedBy)
end
message = message .. ": " .. obj.spec.title
local notified = condition("Notified")
if notified.status == "False" and obj.status.phase ~= "Resolved" then
  message = message .. "; " .. (notified.message or "")
end
return { status = "Healthy", message = message }
