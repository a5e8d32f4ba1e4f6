/* One JSON object of a webhook body being read: member by member, as protojson reads (null means absent), each
 * mistake with its path. Messages never repeat values: bodies carry passwords and phone numbers. */
#ifndef WEBHOOKS_FIELDS_H
#define WEBHOOKS_FIELDS_H

#include "base/diag.h"
#include "base/node.h"

struct fields {
    const struct node *object;
    const char *path;  /* what to put before a member's name: "participant.", "" at the top */
    struct diag *diag; /* may be NULL */
};

/* Fill the diag and return false. */
bool fields_wrong(const struct fields *fields, const char *name, const char *what);
bool fields_wrong_type(const struct fields *fields, const char *name, const char *wanted, const struct node *value);

/* NULL when it is absent or null. */
const struct node *fields_member(const struct fields *fields, const char *name);
/* A member with two spellings, camelCase and snake_case; both at once are a mistake. */
bool fields_member_of_two(const struct fields *fields, const char *camel, const char *snake, const struct node **ret);

/* VALUE is text of at most MAX bytes without U+0000. */
bool fields_check_text(const struct fields *fields, const char *name, const struct node *value, size_t max);
/* These leave RET alone when the member is absent; fields_object gives NULL. Text is borrowed from the object. */
bool fields_text(const struct fields *fields, const char *name, size_t max, struct slice *ret);
bool fields_object(const struct fields *fields, const char *name, const struct node **ret);
/* VALUE (NULL: absent) as a 64-bit number: protojson writes a string, and reads strings, 5 and 5.0. */
bool fields_int64(const struct fields *fields, const char *name, const struct node *value, int64_t *ret);
/* The same of seconds since 1970. A number that is no moment until the year 9999 is that of a broken clock: 0, as if absent. */
bool fields_moment(const struct fields *fields, const char *name, const struct node *value, int64_t *ret);

/* An enum's names, at their numbers. */
struct fields_names {
    const char *const *names;
    unsigned count;
};
/* VALUE (NULL: absent, which is 0) as an enum, written as name or number; what is not in NAMES gives its count. */
bool fields_enum(const struct fields *fields, const char *name, const struct node *value, struct fields_names names,
                 unsigned *ret_number);

#endif
