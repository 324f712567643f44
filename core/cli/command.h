// The commands of the command line: each takes what follows its name and returns the exit code:
// 0 done, 1 the work failed, 2 the command line was wrong.
#ifndef MG_CLI_COMMAND_H
#define MG_CLI_COMMAND_H

struct mg_command {
    const char *name;
    const char *takes; // what follows it, as `help` shows it
    const char *does;
    int (*run)(int argc, char **argv); // NULL: not built yet
};

extern const struct mg_command mg_commands[]; // ends with a NULL name

const struct mg_command *mg_command_named(const char *name); // the last one if there is none

int mg_command_serve(int argc, char **argv);
int mg_command_check(int argc, char **argv);
int mg_command_routes(int argc, char **argv);
int mg_command_call(int argc, char **argv);
int mg_command_new(int argc, char **argv);
int mg_command_test(int argc, char **argv);
int mg_command_version(int argc, char **argv);
int mg_command_help(int argc, char **argv);

// Says what is wrong with the command line and how it should be; returns 2.
int mg_command_wrong(const char *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int mg_command_main(int argc, char **argv);

#endif
