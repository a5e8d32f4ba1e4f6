/* One libcurl easy handle, used again for every call so that its connection stays open. */
#include "http/client.h"

#include <string.h>

#include <curl/curl.h>

#include "base/mem.h"

struct http_client {
    CURL *curl;
};

struct answer {
    struct buf *body;
    size_t max;
    bool over;
};

struct http_client *http_client_new(void) {
    static bool started;
    if (!started) {
        curl_global_init(CURL_GLOBAL_DEFAULT);
        started = true;
    }
    struct http_client *client = xcalloc(1, sizeof *client);
    client->curl = curl_easy_init();
    return client;
}

void http_client_free(struct http_client *client) {
    if (client != NULL) {
        curl_easy_cleanup(client->curl);
        free(client);
    }
}

static size_t on_body(char *bytes, size_t one, size_t size, void *context) {
    struct answer *answer = context;
    (void)one; /* always 1 */
    if (answer->body->len + size > answer->max) {
        answer->over = true;
        return 0; /* ends the transfer */
    }
    buf_add(answer->body, bytes, size);
    return size;
}

static void add_header(struct curl_slist **headers, const char *name, const char *value) {
    cleanup_free char *line = xasprintf("%s: %s", name, value);
    *headers = curl_slist_append(*headers, line);
}

static struct curl_slist *make_headers(const struct http_call *call) {
    struct curl_slist *headers = curl_slist_append(NULL, "Expect:"); /* no round trip before a body */
    if (call->authorization != NULL) {
        add_header(&headers, "Authorization", call->authorization);
    }
    if (call->content_type != NULL) {
        add_header(&headers, "Content-Type", call->content_type);
    } else {
        headers = curl_slist_append(headers, "Content-Type:"); /* else curl says it is a form */
    }
    return headers;
}

static void set_method(CURL *curl, const struct http_call *call) {
    bool is_get = strcmp(call->method, "GET") == 0;
    if (!is_get || call->body.n > 0) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body.n > 0 ? call->body.p : "");
    }
    if (strcmp(call->method, "HEAD") == 0) {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (!is_get || call->body.n > 0) {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
    }
}

static void set_options(CURL *curl, const struct http_call *call) {
    curl_easy_setopt(curl, CURLOPT_URL, call->url);
    curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, call->unix_socket);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* not what http_proxy says: the answer concerns this machine's calls */
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)call->timeout_ms);
    if (call->ca_file != NULL) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, call->ca_file);
        curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
    }
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "sipbridge/" SIPBRIDGE_VERSION);
    set_method(curl, call);
}

static bool fail(const struct http_call *call, CURLcode code, const char *detail, struct diag *diag) {
    const char *where = call->unix_socket != NULL ? call->unix_socket : call->url;
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return diag_fail(diag, where, "nobody answers there (%s); is it running, and is the address right?", detail);
    case CURLE_OPERATION_TIMEDOUT: return diag_fail(diag, where, "no answer within %d ms", call->timeout_ms);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE: return diag_fail(diag, where, "no trusted TLS connection (%s)", detail);
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT: return diag_fail(diag, where, "not an http:// or https:// URL");
    default: return diag_fail(diag, where, "%s", detail);
    }
}

bool http_client_call(struct http_client *client, const struct http_call *call, int *ret_status, struct buf *ret_body,
                      struct diag *diag) {
    CURL *curl = client->curl;
    char detail[CURL_ERROR_SIZE] = "";
    cleanup_buf struct buf body = {0};
    struct answer answer = {.body = &body, .max = call->max_answer};
    struct curl_slist *headers = make_headers(call);
    long status = 0;
    curl_easy_reset(curl); /* forgets the options of the last call, keeps its connection */
    set_options(curl, call);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, NULL); /* it is gone after this call */
    curl_slist_free_all(headers);
    if (answer.over) {
        return diag_fail(diag, call->url, "the answer is longer than %zu bytes", call->max_answer);
    }
    if (code != CURLE_OK) {
        return fail(call, code, detail[0] != '\0' ? detail : curl_easy_strerror(code), diag);
    }
    *ret_status = (int)status;
    buf_clear(ret_body);
    buf_add_slice(ret_body, buf_slice(&body));
    return true;
}
