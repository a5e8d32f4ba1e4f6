/* What single values must look like. Each check fills DIAG's `what` with what would be right, as the end of a
 * sentence that begins with the value: "must begin with ws:// or wss://". VALUE is never empty. */
#ifndef SETTINGS_CHECK_H
#define SETTINGS_CHECK_H

#include "base/diag.h"

/* Of a URL that is good otherwise. Scheme, host, port and path only: what is behind it is put together with a path of
 * ours and stands in the log. */
bool check_base_url(const char *value, struct diag *diag);
bool check_api_url(const char *value, struct diag *diag);
bool check_stimm_url(const char *value, struct diag *diag);
bool check_livekit_url(const char *value, struct diag *diag);
bool check_key_name(const char *value, struct diag *diag);
bool check_secret(const char *value, struct diag *diag);
bool check_redis_url(const char *value, struct diag *diag);
bool check_env_globs(const char *value, struct diag *diag);
bool check_absolute(const char *value, struct diag *diag);
bool check_cgroup(const char *value, struct diag *diag);
bool check_listen(const char *value, struct diag *diag);
bool check_url_path(const char *value, struct diag *diag);
/* "nofile=1024": limit_parse */
bool check_limit(const char *value, struct diag *diag);
bool check_command(const char *value, struct diag *diag);

#endif
