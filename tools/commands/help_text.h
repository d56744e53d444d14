// What --help of a command prints, for those who say the same in another form.
#pragma once

#include <string>

#include "tools/commands/command.h"

namespace dagfusion {

std::string help_of(const Command*);  // null: run-pipeline without a command

}  // namespace dagfusion
