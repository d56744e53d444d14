#include "tools/observe/fingerprints.h"

#include "nodes/files/crc32c.h"

namespace dagfusion {

void Fingerprints::ends(const TaskVisit& visit) noexcept {
  std::vector<std::pair<Key, std::uint32_t>> made;
  for (const TaskVisit::Value& v : visit.outputs())
    made.push_back({{visit.step(), visit.whole_step() ? 0 : visit.position(), visit.iteration(), visit.name(),
                     visit.node(), v.port},
                    crc32c(v.bytes)});
  const std::lock_guard lock(mutex_);
  for (auto& [key, crc] : made) {
    Seen& seen =
        values_.try_emplace(std::move(key), Seen{0, static_cast<std::int64_t>(values_.size())}).first->second;
    seen.crc32c =
        crc32c(std::as_bytes(std::span(&crc, 1)), seen.crc32c);  // a task that fires twice counts twice
  }
}

std::optional<Deviation> first_deviation(const Fingerprints& a, const Fingerprints& b) {
  std::optional<Deviation> found;
  std::int64_t order = 0;
  for (const auto& [key, seen] : a.values()) {
    const auto other = b.values().find(key);
    if (other != b.values().end() && other->second.crc32c == seen.crc32c) continue;
    if (found && order <= seen.order) continue;
    found = {key, other == b.values().end()};
    order = seen.order;
  }
  if (found) return found;
  for (const auto& [key, seen] : b.values())
    if (!a.values().count(key)) return Deviation{key, true};
  return std::nullopt;
}

}  // namespace dagfusion
