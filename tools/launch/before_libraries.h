// What has to be settled before the constructors of the libraries run; nothing else includes or calls it.
#pragma once

namespace dagfusion {

// Says what went wrong where nobody can catch it, and ends the process with exit code 1: oneTBB starts further threads from
// threads of its own, constructors of libraries run before main(), and either may find no memory.
[[noreturn]] void end_in_words() noexcept;

}  // namespace dagfusion
