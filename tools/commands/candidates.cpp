#include "tools/commands/candidates.h"

#include <algorithm>
#include <sstream>

#include "nodes/catalog.h"
#include "tools/commands/commands.h"
#include "tools/commands/help_text.h"
#include "tools/show/description.h"

namespace dagfusion {

namespace {

namespace fs = std::filesystem;

bool any_file(const fs::path&) { return true; }
bool no_file(const fs::path&) { return false; }
bool pipeline_file(const fs::path& path) { return path.extension() == ".yaml" || path.extension() == ".yml"; }
bool library_file(const fs::path& path) { return path.extension() == ".so"; }

void keep_those_that_begin_with(const std::string& typed, Candidates& found) {
  std::erase_if(found, [&](const std::string& candidate) { return !candidate.starts_with(typed); });
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
}

void append(Candidates& to, const Candidates& more) { to.insert(to.end(), more.begin(), more.end()); }

Candidates type_names() {
  Candidates names;
  for (const NodeType* type : all_types(catalog())) names.push_back(type->name);
  return names;
}

Candidates described_names() {
  Candidates names = type_names();
  for (const SectionType& section : catalog().sections) names.push_back(section.name);
  append(names, {"run", "model", "loop"});
  return names;
}

const Command* command_of(const std::vector<std::string>& words) {
  for (const Command& command : commands())
    if (!words.empty() && command.name == words.front()) return &command;
  return nullptr;
}

// What --help says of one option: "--format TEXT:{dot,svg,html}=dot".
struct Option {
  std::string name, takes;  // takes: "" = nothing behind it
};

std::vector<Option> options_of(const Command* command) {
  std::vector<Option> options;
  std::istringstream lines(help_of(command));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t name = line.find("--");
    if (!line.starts_with("  -") || name == std::string::npos) continue;
    const std::size_t end = std::min(line.find(' ', name), line.size());
    const std::size_t gap = std::min(line.find("  ", end), line.size());
    std::string takes = end < gap ? line.substr(end + 1, gap - end - 1) : "";
    if (takes.starts_with("Excludes") || takes.starts_with("Needs")) takes.clear();
    options.push_back({line.substr(name, end - name), takes});
  }
  return options;
}

// "TEXT:{dot,svg,html}=dot" -> dot, svg, html
Candidates choices_in(const std::string& takes) {
  Candidates choices;
  const std::size_t begin = takes.find('{'), end = takes.find('}');
  if (begin == std::string::npos || end == std::string::npos) return choices;
  std::istringstream list(takes.substr(begin + 1, end - begin - 1));
  for (std::string choice; std::getline(list, choice, ',');) choices.push_back(choice);
  return choices;
}

// The first word that is no option, nor what one takes: the pipeline. From `first` on.
std::string pipeline_in(const std::vector<std::string>& words, std::size_t first,
                        const std::vector<Option>& options) {
  for (std::size_t i = first; i + 1 < words.size(); ++i) {
    const auto option =
        std::find_if(options.begin(), options.end(), [&](const Option& o) { return o.name == words[i]; });
    if (option != options.end() && !option->takes.empty()) ++i;
    if (option == options.end() && !is_override(words[i])) return words[i];
  }
  return "";
}

Candidates behind_option(const Option& option, const std::string& pipeline, const std::string& typed) {
  if (option.name == "--plugin") return file_candidates(typed, library_file);
  if (option.name == "--of") return file_candidates(typed, pipeline_file);
  if (option.name == "--add" || option.name == "--remove") return override_candidates(pipeline, typed);
  if (option.name == "--like") return type_names();
  if (option.takes.starts_with("FILE")) return file_candidates(typed, any_file);
  if (option.takes.starts_with("RUN")) return file_candidates(typed, no_file);
  if (const std::size_t equals = typed.find('='); option.name == "--in" && equals != std::string::npos) {
    Candidates files = file_candidates(typed.substr(equals + 1), any_file);
    for (std::string& file : files) file.insert(0, typed, 0, equals + 1);
    return files;
  }
  return choices_in(option.takes);
}

// "delta=" of `run-node huber_loss delta=0.1`
Candidates parameters_of(const std::string& type, const std::string& typed) {
  Candidates found;
  const NodeType* known = catalog().find(type);
  if (!known) return found;
  const std::size_t equals = typed.find('=');
  for (const Parameter& p : known->parameters) {
    if (equals == std::string::npos) {
      found.push_back(p.name + "=");
    } else if (p.name == typed.substr(0, equals)) {
      found = value_candidates(p, typed.substr(equals + 1));
      for (std::string& value : found) value.insert(0, p.name + "=");
    }
  }
  return found;
}

Candidates at_place(const Command* command, const std::string& first, const std::string& typed) {
  const std::string name = command ? command->name : "";
  if (name == "completion") return {"bash", "zsh", "fish"};
  if (name == "describe") return described_names();
  if (name == "man" || name == "nodes" || name == "schema") return {};
  if (name == "report" || name == "runs" || name == "watch" || name == "init")
    return file_candidates(typed, no_file);
  if (name == "run-node" && !first.empty()) return parameters_of(first, typed);
  if (name == "run-node") {
    Candidates found = type_names();
    append(found, file_candidates(typed, no_file));
    return found;
  }
  Candidates found;
  if (first.empty() || name == "diff") found = file_candidates(typed, pipeline_file);
  if (!first.empty() && name != "diff") found = override_candidates(first, typed);
  return found;
}

}  // namespace

Candidates file_candidates(const std::string& typed, const std::function<bool(const fs::path&)>& wanted) {
  Candidates found;
  const std::size_t slash = typed.rfind('/');
  const std::string folder = slash == std::string::npos ? "" : typed.substr(0, slash + 1);
  const std::string begin = typed.substr(folder.size());
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder.empty() ? "." : folder, ignored)) {
    const std::string name = entry.path().filename();
    if (!name.starts_with(begin) || (name.starts_with('.') && begin.empty())) continue;
    if (entry.is_directory(ignored))
      found.push_back(folder + name + "/");
    else if (wanted(entry.path()))
      found.push_back(folder + name);
  }
  return found;
}

Candidates candidates(const std::vector<std::string>& words) {
  if (words.empty()) return {};
  const Command* command = words.size() > 1 ? command_of(words) : nullptr;
  const std::vector<Option> options = options_of(command);
  const std::string& typed = words.back();
  const std::string first = pipeline_in(words, command ? 1 : 0, options);
  Candidates found;
  const auto before = std::find_if(options.begin(), options.end(), [&](const Option& o) {
    return words.size() > 1 && o.name == words[words.size() - 2] && !o.takes.empty();
  });
  if (before != options.end()) {
    found = behind_option(*before, first, typed);
  } else if (typed.starts_with("-")) {
    for (const Option& option : options) found.push_back(option.name);
  } else {
    found = at_place(command, first, typed);
    if (words.size() == 1)
      for (const Command& c : commands()) found.push_back(c.name);
  }
  keep_those_that_begin_with(typed, found);
  return found;
}

}  // namespace dagfusion
