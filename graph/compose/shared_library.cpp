#include "graph/compose/shared_library.h"

#include <fmt/format.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <fstream>

#include "graph/plugin.h"

namespace dagfusion {

namespace {

using Header = ElfW(Ehdr);

std::optional<Header> header_of(const std::string& bytes) {
  Header header;
  if (bytes.size() < EI_NIDENT || bytes.compare(0, SELFMAG, ELFMAG) != 0) return std::nullopt;
  std::memset(&header, 0, sizeof header);
  std::memcpy(&header, bytes.data(), std::min(bytes.size(), sizeof header));
  return header;
}

const Header& own_header() {
  static const Header own = [] {
    std::string bytes(sizeof(Header), '\0');
    std::ifstream("/proc/self/exe", std::ios::binary).read(bytes.data(), sizeof(Header));
    return header_of(bytes).value_or(Header{});
  }();
  return own;
}

// How long the file is that the header speaks of:
// dlopen maps parts of it and would be killed where one is missing.
std::uint64_t whole_size(const Header& header, const std::string& bytes) {
  std::uint64_t end = std::max<std::uint64_t>(
      sizeof header, header.e_phoff + std::uint64_t{header.e_phnum} * sizeof(ElfW(Phdr)));
  if (header.e_shoff != 0)
    end = std::max<std::uint64_t>(end, header.e_shoff + std::uint64_t{header.e_shnum} * header.e_shentsize);
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) part;
    const std::uint64_t at = header.e_phoff + i * sizeof part;
    if (at + sizeof part > bytes.size()) break;
    std::memcpy(&part, bytes.data() + at, sizeof part);
    if (part.p_type == PT_LOAD) end = std::max<std::uint64_t>(end, part.p_offset + part.p_filesz);
  }
  return end;
}

}  // namespace

std::string not_a_library(const std::string& bytes) {
  const std::optional<Header> header = header_of(bytes);
  if (!header) return "is not a shared library";
  const Header& own = own_header();
  if (header->e_ident[EI_CLASS] != own.e_ident[EI_CLASS] ||
      header->e_ident[EI_DATA] != own.e_ident[EI_DATA] ||
      (bytes.size() >= sizeof(Header) && header->e_machine != own.e_machine))
    return "was built for another kind of processor";
  if (const std::uint64_t whole = whole_size(*header, bytes); bytes.size() < whole)
    return fmt::format("is cut short: {} of {} bytes are there", bytes.size(), whole);
  if (header->e_type != ET_DYN) return "is not a shared library";
  return "";
}

std::optional<std::string> plugin_built_for(const std::string& bytes) {
  DagfusionPlugin plugin = {DAGFUSION_PLUGIN_MARK, "", nullptr};
  const std::string mark(plugin.mark, sizeof plugin.mark);  // with the zeros behind it
  const std::size_t at = bytes.find(mark);
  if (at == std::string::npos || bytes.size() - at < sizeof plugin) return std::nullopt;
  std::memcpy(&plugin, bytes.data() + at, sizeof plugin);
  return std::string(plugin.built_for, strnlen(plugin.built_for, sizeof plugin.built_for));
}

}  // namespace dagfusion
