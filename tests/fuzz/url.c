// Any URLs and where a redirect leads: the first line is the URL asked for, the second the Location
// of its answer, the third an address, the fourth a network. libcurl, which carries some of the
// calls, must read each URL in the same way, or a check of one host would let in another.
#include <assert.h>
#include <curl/curl.h>
#include <stdlib.h>

#include "backend/address.h"
#include "backend/http_redirect.h"
#include "gateway/networks.h"
#include "text.h"

static char *part(CURLU *handle, CURLUPart what, unsigned flags)
{
    char *text = NULL;
    CURLUcode code = curl_url_get(handle, what, &text, flags);
    return code == CURLUE_OK ? text : NULL;
}

static bool same_host(struct mg_str ours, const char *theirs)
{
    struct mg_address a, b;
    if (mg_address_parse(ours, &a))
        return mg_address_parse(mg_str_of(theirs), &b) && a.family == b.family &&
               memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
    return mg_str_eq_nocase(ours, mg_str_of(theirs));
}

static void check_as_curl(struct mg_str text, const struct mg_url *url)
{
    char *copy = strndup(text.data, text.len);
    CURLU *handle = curl_url();
    assert(copy && handle);
    CURLUcode code = curl_url_set(handle, CURLUPART_URL, copy, CURLU_PATH_AS_IS);
    assert(code == CURLUE_OK);
    char *host = part(handle, CURLUPART_HOST, 0);
    char *port = part(handle, CURLUPART_PORT, CURLU_DEFAULT_PORT);
    char *scheme = part(handle, CURLUPART_SCHEME, 0), *user = part(handle, CURLUPART_USER, 0);
    assert(host && same_host(url->host, host) && !user);
    assert(port && atoi(port) == url->port);
    assert(scheme && mg_str_is(mg_str_of(scheme), url->secure ? "https" : "http"));
    curl_free(host);
    curl_free(port);
    curl_free(scheme);
    curl_url_cleanup(handle);
    free(copy);
}

static bool check_url(struct mg_str text, struct mg_url *url)
{
    struct mg_address address;
    const char *wrong = mg_url_parse(text, url);
    if (wrong)
        return false;
    assert(url->base.data == text.data && url->base.len + url->path.len == text.len);
    assert(url->host.len && url->port && mg_url_path_ok(url->path));
    assert(!url->path.len || url->path.data[0] == '/' || url->path.data[0] == '?');
    assert(url->literal == mg_address_parse(url->host, &address));
    for (size_t i = 0; i < text.len; i++)
        assert(text.data[i] > 0x20 && text.data[i] < 0x7f);
    check_as_curl(text, url);
    return true;
}

static void check_redirect(const struct mg_url *from, struct mg_str location,
                           struct mg_arena *arena)
{
    struct mg_headers headers = {0};
    struct mg_buf target = {0}, again = {0};
    struct mg_url to, home = *from;
    if (!mg_headers_value_ok(location) || !location.data)
        return; // the gate of responses lets none of these through
    mg_headers_add(&headers, arena, MG_STR("Location"), location);
    assert(mg_http_redirects(307, &headers));
    if (mg_http_redirect_target(from, &headers, &target) == MG_OK) {
        bool ok = check_url(mg_buf_str(&target), &to);
        assert(ok && !memchr(target.data, '#', target.len));
        assert(target.data[target.len] == 0);
        mg_url_join(&to, MG_STR("#there"), &again);
        assert(mg_str_eq(mg_buf_str(&again), mg_buf_str(&target)));
        bool may = mg_http_redirect_may_go(&to, &home, NULL);
        struct mg_address address;
        assert(may == (mg_url_same_origin(&to, &home) ||
                       (mg_address_parse(to.host, &address) && mg_address_public(&address))));
        assert(mg_str_is(location, "") || location.data[0] != '/' ||
               mg_str_starts(location, MG_STR("//")) || mg_url_same_origin(&to, from));
    }
    mg_buf_fini(&target);
    mg_buf_fini(&again);
}

static void check_address(struct mg_str text, struct mg_str network, struct mg_arena *arena)
{
    struct mg_address address, again;
    struct mg_networks networks;
    struct mg_str wrong;
    char written[MG_ADDRESS_TEXT];
    if (mg_address_parse(text, &address)) {
        mg_address_text(&address, written);
        assert(mg_address_parse(mg_str_of(written), &again) && again.family == address.family);
        assert(memcmp(address.bytes, again.bytes, sizeof again.bytes) == 0);
        assert(mg_address_public(&address) == mg_address_public(&again));
    }
    if (mg_networks_parse(&networks, &network, 1, arena, &wrong)) {
        mg_networks_have(&networks, text);
        struct mg_str own = mg_str_cut(network, 0, mg_str_find(network, '/', 0));
        assert(networks.local || mg_networks_have(&networks, own));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct mg_arena arena = {0};
    struct mg_str text = {len ? (const char *)data : "", len};
    struct mg_url url;
    struct mg_str first = fuzz_line(&text), second = fuzz_line(&text), third = fuzz_line(&text);
    if (check_url(first, &url))
        check_redirect(&url, second, &arena);
    check_address(third, fuzz_line(&text), &arena);
    mg_arena_fini(&arena);
    return 0;
}
