/* The reason phrases of HTTP statuses. */
#ifndef HTTP_STATUS_H
#define HTTP_STATUS_H

/* "OK" for 200; "Unknown" for a status this program never sends. Static text. */
const char *status_reason(int status);

#endif
