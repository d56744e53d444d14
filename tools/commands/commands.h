// The subcommands, each in a file of its own; commands.cpp lists them.
#pragma once

#include "tools/commands/command.h"

namespace dagfusion {

int bench_command(int argc, char** argv, const Command&);
int check_command(int argc, char** argv, const Command&);
int data_command(int argc, char** argv, const Command&);
int diff_command(int argc, char** argv, const Command&);
int completion_command(int argc, char** argv, const Command&);
int describe_command(int argc, char** argv, const Command&);
int evaluate_command(int argc, char** argv, const Command&);
int export_command(int argc, char** argv, const Command&);
int graph_command(int argc, char** argv, const Command&);
int import_command(int argc, char** argv, const Command&);
int init_command(int argc, char** argv, const Command&);
int man_command(int argc, char** argv, const Command&);
int nodes_command(int argc, char** argv, const Command&);
int plan_command(int argc, char** argv, const Command&);
int report_command(int argc, char** argv, const Command&);
int resolve_command(int argc, char** argv, const Command&);
int run_node_command(int argc, char** argv, const Command&);
int runs_command(int argc, char** argv, const Command&);
int schedule_command(int argc, char** argv, const Command&);
int schema_command(int argc, char** argv, const Command&);
int sweep_command(int argc, char** argv, const Command&);
int verify_command(int argc, char** argv, const Command&);
int watch_command(int argc, char** argv, const Command&);

int run_pipeline_command(int argc, char** argv);  // without a subcommand

void say_checked(const Checked&, const std::string& file);

}  // namespace dagfusion
