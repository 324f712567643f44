// A gateway's configuration as compiled from gateway.lua: every limit and backend in C form.
// Made once, then only read, by all threads.
#ifndef MG_GATEWAY_CONFIG_H
#define MG_GATEWAY_CONFIG_H

#include "backend/file.h"
#include "backend/redis.h"
#include "backend/service.h"
#include "backend/sqlite.h"
#include "data/fault.h"
#include "net/conn.h"
#include "plan/plan.h"
#include "script/vm.h"

// Every limit that lua/moongate/limits.lua names (that file has units, defaults and bounds).
#define MG_LIMITS(X)                                                                               \
    X(body)                                                                                        \
    X(header)                                                                                      \
    X(headers)                                                                                     \
    X(target)                                                                                      \
    X(trailer)                                                                                     \
    X(extensions)                                                                                  \
    X(fields)                                                                                      \
    X(match)                                                                                       \
    X(match_text)                                                                                  \
    X(match_memory)                                                                                \
    X(connections)                                                                                 \
    X(at_once)                                                                                     \
    X(requests)                                                                                    \
    X(pipelined)                                                                                   \
    X(header_within)                                                                               \
    X(body_idle)                                                                                   \
    X(body_rate)                                                                                   \
    X(idle)                                                                                        \
    X(write_idle)                                                                                  \
    X(linger)                                                                                      \
    X(drain)                                                                                       \
    X(within)                                                                                      \
    X(pass_idle)                                                                                   \
    X(connect)                                                                                     \
    X(redis_at_once)                                                                               \
    X(redis_silence)                                                                               \
    X(redis_reply)                                                                                 \
    X(calls)                                                                                       \
    X(each)                                                                                        \
    X(script)                                                                                      \
    X(text)                                                                                        \
    X(memory)                                                                                      \
    X(state)                                                                                       \
    X(slice)                                                                                       \
    X(load)                                                                                        \
    X(stuck)                                                                                       \
    X(hung)                                                                                        \
    X(unheard)                                                                                     \
    X(finally)                                                                                     \
    X(every)                                                                                       \
    X(tasks_at_once)                                                                               \
    X(tasks_waiting)                                                                               \
    X(task_result)                                                                                 \
    X(tasks_file)                                                                                  \
    X(result)                                                                                      \
    X(results)                                                                                     \
    X(service_at_once)                                                                             \
    X(service_waiting)                                                                             \
    X(names_at_once)                                                                               \
    X(file_threads)                                                                                \
    X(file_jobs)                                                                                   \
    X(sqlite_readers)                                                                              \
    X(sqlite_jobs)                                                                                 \
    X(compute_threads)                                                                             \
    X(compute_jobs)                                                                                \
    X(shared)                                                                                      \
    X(postgres_at_once) X(postgres_waiting)

struct mg_limits {
#define MG_LIMIT_FIELD(name) uint64_t name;
    MG_LIMITS(MG_LIMIT_FIELD)
#undef MG_LIMIT_FIELD
};

struct mg_database_config {
    struct mg_str name;
    struct mg_str url;         // PostgreSQL; it may hold a password. Empty: SQLite
    unsigned at_once, waiting; // PostgreSQL
    uint64_t connect;          // PostgreSQL, ms
    struct mg_str path;        // SQLite: absolute, or relative to the process
    unsigned readers;          // SQLite
};

struct mg_folder_config {
    struct mg_str name, path;
};

struct mg_config {
    struct mg_arena arena;
    struct mg_str *listen;
    unsigned listen_count;
    unsigned workers; // 0: one per core
    struct mg_limits limits;
    struct mg_conn_limits conn;
    struct mg_http_config *services;
    unsigned service_count;
    struct mg_database_config *databases;
    unsigned database_count;
    struct mg_folder_config *folders;
    unsigned folder_count;
    struct mg_redis_config *redis;
    unsigned redis_count;
    struct mg_str tasks;    // the file that keeps them: absolute, or relative to the process
    struct mg_str *trusted; // networks such as "10.0.0.0/8"
    unsigned trusted_count;
    struct mg_plan_backend *backends; // all of the above, as plans and scripts name them
    struct mg_str *texts;             // what gateway.lua says of each, in canonical JSON
    unsigned backend_count;
};

// Reads the canonical JSON that lua/moongate/config.lua writes; paths in it are relative to `dir`.
// NULL: `faults` says why, with the lines that `vm`, which has read gateway.lua, finds.
struct mg_config *mg_config_new(struct mg_str json, struct mg_str dir, struct mg_vm *vm,
                                struct mg_faults *faults);
void mg_config_free(struct mg_config *config); // NULL allowed

#endif
