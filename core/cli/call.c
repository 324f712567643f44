#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/now.h"
#include "cli/ask.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/loaded.h"
#include "cli/timeline.h"
#include "gateway/solo.h"
#include "json/scan.h"
#include "json/write.h"
#include "plan/scope.h"

// One request and what came of it.
struct talk {
    const struct mg_ask *ask;
    int status;         // 0: no answer came
    bool left;          // a thread is still at work: the process has to end without it
    const char *cut;    // why the answer is not whole; NULL: it is
    uint64_t ms;        // until its end
    struct mg_buf head; // for a program: the members of the JSON object about it
    struct mg_buf body; // likewise
    bool is_json;       // the body says that it is
    char last;          // byte of a printed body
    // The worker's, until it has ended:
    struct mg_timeline timeline;
    struct mg_buf calls, place;
};

// The answer, as it comes

static void put_header_json(struct mg_buf *out, const struct mg_response *response, unsigned at)
{
    const struct mg_header *field = &response->fields[at];
    unsigned others = 0;
    for (unsigned i = 0; i < response->count; i++)
        if (i != at && mg_str_eq_nocase(response->fields[i].name, field->name)) {
            if (i < at)
                return; // it was said with the first of them
            others++;
        }
    mg_buf_put(out, at ? MG_STR(",") : MG_STR(""));
    struct mg_buf name = {0};
    for (size_t i = 0; i < field->name.len; i++)
        mg_buf_put_char(&name, mg_lower(field->name.data[i]));
    mg_json_put_string(out, mg_buf_str(&name));
    mg_buf_fini(&name);
    mg_buf_put(out, others ? MG_STR(":[") : MG_STR(":"));
    mg_json_put_string(out, field->value);
    for (unsigned i = at + 1; i < response->count; i++)
        if (mg_str_eq_nocase(response->fields[i].name, field->name)) {
            mg_buf_put_char(out, ',');
            mg_json_put_string(out, response->fields[i].value);
        }
    mg_buf_put(out, others ? MG_STR("]") : MG_STR(""));
}

static bool says_json(const struct mg_response *response)
{
    for (unsigned i = 0; i < response->count; i++)
        if (mg_str_eq_nocase(response->fields[i].name, MG_STR("content-type")))
            return mg_content_is_json(response->fields[i].value);
    return false;
}

static void on_head(void *owner, const struct mg_response *response)
{
    struct talk *talk = owner;
    talk->status = response->status;
    if (talk->ask->json) {
        talk->is_json = says_json(response);
        for (unsigned i = 0; i < response->count; i++)
            put_header_json(&talk->head, response, i);
        return;
    }
    printf("HTTP/1.1 %d %s\n", response->status, mg_reply_reason(response->status));
    for (unsigned i = 0; i < response->count; i++) {
        const struct mg_header *field = &response->fields[i];
        printf("%.*s: %.*s\n", (int)field->name.len, field->name.data, (int)field->value.len,
               field->value.data);
    }
    putchar('\n');
}

static void on_data(void *owner, struct mg_str bytes)
{
    struct talk *talk = owner;
    if (talk->ask->json) {
        mg_buf_put(&talk->body, bytes);
    } else if (bytes.len) {
        fwrite(bytes.data, 1, bytes.len, stdout);
        talk->last = bytes.data[bytes.len - 1];
    }
}

// On the worker's thread.
static void on_ended(void *owner, struct mg_exchange *exchange)
{
    struct talk *talk = owner;
    struct mg_trace trace;
    if (exchange->plan)
        mg_buf_printf(&talk->place, "%.*s:%d", (int)exchange->plan->file.len,
                      exchange->plan->file.data, exchange->plan->line);
    if (!mg_trace_read(exchange, NULL, &trace))
        return;
    if (talk->ask->json)
        mg_timeline_put_json(&talk->calls, &trace);
    else
        mg_timeline_put(&talk->calls, &talk->timeline, &trace);
}

// What is told when all has ended

static void print_text(const struct talk *talk)
{
    struct mg_buf out = {0};
    const struct mg_ask *ask = talk->ask;
    mg_buf_printf(&out, "%s %.*s: ", mg_method_word(ask->method), (int)ask->target.len,
                  ask->target.data);
    if (talk->status)
        mg_buf_printf(&out, "%d in ", talk->status);
    mg_buf_printf(&out, "%llu ms", (unsigned long long)talk->ms);
    if (talk->place.len)
        mg_buf_printf(&out, " (%.*s)", (int)talk->place.len, talk->place.data);
    mg_buf_printf(&out, "%s%s\n", talk->cut ? ", and not whole: " : "", talk->cut ? talk->cut : "");
    mg_buf_put(&out, mg_buf_str(&talk->calls));
    fwrite(out.data, 1, out.len, stderr);
    mg_buf_fini(&out);
}

static void print_json(const struct talk *talk)
{
    struct mg_buf out = {0};
    struct mg_str body = mg_buf_str(&talk->body);
    const struct mg_ask *ask = talk->ask;
    mg_buf_printf(&out, "{\"method\":\"%s\",\"path\":", mg_method_word(ask->method));
    mg_json_put_string(&out, ask->target);
    if (talk->status) {
        mg_buf_printf(&out, ",\"status\":%d,\"headers\":{", talk->status);
        mg_buf_put(&out, mg_buf_str(&talk->head));
        mg_buf_put(&out, MG_STR("},\"body\":"));
        if (talk->is_json && mg_json_valid(body, MG_JSON_DEPTH_MOST, NULL))
            mg_buf_put(&out, mg_json_trim(body));
        else
            mg_json_put_string(&out, body);
    }
    if (talk->cut) {
        mg_buf_put(&out, MG_STR(",\"cut\":"));
        mg_json_put_string(&out, mg_str_of(talk->cut));
    }
    if (talk->place.len) {
        mg_buf_put(&out, MG_STR(",\"route\":"));
        mg_json_put_string(&out, mg_buf_str(&talk->place));
    }
    mg_buf_printf(&out, ",\"ms\":%llu,\"calls\":", (unsigned long long)talk->ms);
    mg_buf_put(&out, talk->calls.len ? mg_buf_str(&talk->calls) : MG_STR("[]"));
    mg_buf_put(&out, MG_STR("}\n"));
    fwrite(out.data, 1, out.len, stdout);
    mg_buf_fini(&out);
}

static void converse(struct talk *talk, int fd, struct mg_str request)
{
    const struct mg_client client = {on_head, on_data, talk};
    uint64_t began = mg_now_ms(CLOCK_MONOTONIC);
    talk->cut = mg_client_ask(fd, request, talk->ask->method == MG_HEAD, &client);
    talk->ms = mg_now_ms(CLOCK_MONOTONIC) - began;
    if (talk->last && talk->last != '\n' && isatty(STDOUT_FILENO))
        putchar('\n');
    fflush(stdout);
}

// True: there is something to tell.
static bool drive(struct talk *talk, struct mg_str request)
{
    struct mg_solo solo = {.ended = on_ended, .owner = talk};
    struct mg_faults faults = {0};
    struct mg_buf why = {0};
    int fd = -1;
    if (!mg_solo_load(&solo, talk->ask->dir, &faults)) {
        mg_faults_sort(&faults);
        mg_loaded_print_faults(&faults, talk->ask->json);
    } else if ((fd = mg_solo_open(&solo, &why)) < 0) {
        fprintf(stderr, "moongate: %.*s\n", (int)why.len, why.data ? why.data : "");
    } else {
        converse(talk, fd, request);
        close(fd);
    }
    talk->left = !mg_solo_close(&solo);
    mg_faults_fini(&faults);
    mg_buf_fini(&why);
    return fd >= 0;
}

int mg_command_call(int argc, char **argv)
{
    struct mg_ask ask = {0};
    struct mg_buf request = {0};
    struct talk talk = {.ask = &ask, .timeline = mg_timeline_of(STDERR_FILENO)};
    int code = mg_ask_read(&ask, argc, argv);
    if (!code && !mg_ask_write(&ask, &request))
        code = mg_command_wrong("call", "out of memory");
    if (!code) {
        signal(SIGPIPE, SIG_IGN);
        mg_log_init(MG_LOG_INFO);
        bool told = drive(&talk, mg_buf_str(&request));
        mg_log_fini();
        if (told && ask.json)
            print_json(&talk);
        else if (told)
            print_text(&talk);
        code = told && !talk.cut && talk.status < 500 ? 0 : 1;
    }
    mg_buf_fini(&talk.head);
    mg_buf_fini(&talk.body);
    mg_buf_fini(&talk.calls);
    mg_buf_fini(&talk.place);
    mg_buf_fini(&request);
    mg_ask_fini(&ask);
    fflush(NULL);
    if (talk.left)
        _exit(code); // what exit would tear down is still in use there
    return code;
}
