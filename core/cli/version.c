#include <stdio.h>

#include "cli/command.h"

int mg_command_version(int argc, char **argv)
{
    (void)argv;
    if (argc > 0)
        return mg_command_wrong("version", "version takes nothing more");
    puts("moongate " MG_VERSION);
    return 0;
}
