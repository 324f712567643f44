#include "cli/command.h"

int main(int argc, char **argv)
{
    return mg_command_main(argc, argv);
}
