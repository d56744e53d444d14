// Work on bytes that strangers made, by libraries that have been broken by such bytes before, in a process of its own that
// can do nothing but compute. When the library crashes, that process is gone, and this one says so.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace dagfusion {

using Bytes = std::vector<std::uint8_t>;

struct Confined {
  std::string head;                    // a few values; see put() and take()
  std::span<const std::uint8_t> body;  // read from, and never copied on the way
  int file = -1;                       // open for reading; -1: none
};

struct ConfinedAnswer {
  std::string head;
  Bytes body;
};

// A function of the program that throws std::runtime_error with what is wrong, and holds nothing from call to call.
using ConfinedWork = ConfinedAnswer (*)(const Confined&);

// Called first in main, while there is one thread: from here on such work is done in other processes.
void start_confinement(int argc = 0, char** argv = nullptr);  // the command line, which names them

// The work's answer or what it threw, on any thread. Without start_confinement, and where no process can be started,
// it is done here. Throws std::runtime_error "is damaged: reading it crashed the library, …" when that happened.
ConfinedAnswer confined(ConfinedWork, const Confined&);

// "seccomp, landlock"; "none": this process does the work itself; for who looks at a run later.
std::string confinement_in_words();

// A line for the user where this kernel lacks the means; empty where it does not, or nobody asked for confinement.
std::string confinement_warning();

// Values one after the other, for the heads.
template <class T>
void put(std::string& head, const T& value) {
  head.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void put_text(std::string& head, const std::string& text);

class TakenFrom {
 public:
  explicit TakenFrom(std::string_view head) : left_(head) {}
  template <class T>
  T value() {
    T made;
    copy(&made, sizeof made);
    return made;
  }
  std::string text();

 private:
  void copy(void* to, std::size_t bytes);  // std::runtime_error when there is less

  std::string_view left_;
};

}  // namespace dagfusion
