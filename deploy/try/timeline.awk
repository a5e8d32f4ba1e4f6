# Turns sipbridge's JSON log into a timeline of what matters in a call. One row a step:
# milliseconds since the first step, the step's name, what the log said. -v pretty=1: for people.
function field(line, name,    start, rest, value, char, i) {
  start = index(line, "\"" name "\":")
  if (start == 0) {
    return ""
  }
  rest = substr(line, start + length(name) + 3)
  if (substr(rest, 1, 1) != "\"") {
    match(rest, /^[^,}]*/)
    return substr(rest, 1, RLENGTH)
  }
  value = ""
  for (i = 2; i <= length(rest); i++) {
    char = substr(rest, i, 1)
    if (char == "\"") {
      break
    }
    if (char == "\\") {
      i++
      char = substr(rest, i, 1)
    }
    value = value char
  }
  return value
}

function milliseconds(time,    part) {
  split(substr(time, 12), part, /[:.Z]/)
  return ((part[1] * 60 + part[2]) * 60 + part[3]) * 1000 + part[4]
}

function step(message) {
  if (message == "room started") return "webhook verified"
  if (message ~ /^caller .* joined/) return "caller joined"
  if (message ~ /^chosen: /) return "agent chosen"
  if (message ~ /^agent process started/) return "process started"
  if (message ~ /^agent joined/) return "agent joined"
  if (message ~ /^answered/) return "answered"
  if (message ~ /^caller left/) return "caller left"
  if (message ~ /^agent process is gone/) return "process stopped"
  if (message ~ /^call ended/) return "call ended"
  return ""
}

{
  message = field($0, "message")
  name = step(message)
  if (name == "") {
    next
  }
  at = milliseconds(field($0, "time"))
  if (rows++ == 0) {
    first = at
  }
  at -= first
  if (at < 0) {
    at += 86400000
  }
  pid = field($0, "pid")
  if (pid != "" && name == "process started") {
    message = message " (pid " pid ")"
  }
  if (name == "call ended") {
    message = message "; answered " field($0, "answered") ", ring " field($0, "ring_ms") " ms, restarts " field($0, "restarts")
  }
  if (pretty) {
    printf "  %7.3f s  %-17s %s\n", at / 1000, name, message
  } else {
    printf "%d\t%s\t%s\n", at, name, message
  }
}
