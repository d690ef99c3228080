-- The entry of a job among the holders of its id: `<tenant>.<id>` → `<id>/<tenant>`.
local function holder_of(ref) return (ref:gsub('^(.*)%.([^.]+)$', '%2/%1')) end
