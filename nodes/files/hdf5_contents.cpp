// The questions and their answers on their way to the confined process and back; hdf5_library.h answers them there.
#include "nodes/files/hdf5_contents.h"

#include <cstring>
#include <stdexcept>

#include "nodes/files/confined.h"
#include "nodes/files/hdf5_library.h"

namespace dagfusion {
namespace {

void put_type(std::string& head, const Hdf5Type& type) {
  put(head, type.kind);
  put(head, type.bytes);
  put(head, type.number);
  put_text(head, type.name);
}
Hdf5Type taken_type(TakenFrom& head) {
  Hdf5Type type;
  type.kind = head.value<Hdf5Type::Kind>();
  type.bytes = head.value<std::size_t>();
  type.number = head.value<NumberFormat>();
  type.name = head.text();
  return type;
}

template <class T>
void put_list(std::string& head, const std::vector<T>& list) {
  put(head, list.size());
  for (const T& value : list) put(head, value);
}
template <class T>
std::vector<T> taken_list(TakenFrom& head) {
  std::vector<T> list;
  for (auto count = head.value<std::size_t>(); count > 0; --count) list.push_back(head.value<T>());
  return list;
}

ConfinedAnswer answer_facts(const Confined& asked) {
  Hdf5Lock lock;
  const Hdf5Id file = libhdf5::opened(asked.file);
  const Hdf5Id creation(H5Fget_create_plist(file), H5Pclose);
  hsize_t user_block = 0;
  std::size_t address_bytes = 0, length_bytes = 0;
  H5Pget_userblock(creation, &user_block);
  H5Pget_sizes(creation, &address_bytes, &length_bytes);
  ConfinedAnswer answer;
  put(answer.head, Hdf5Facts{user_block, address_bytes == 8 && length_bytes == 8});
  return answer;
}

ConfinedAnswer answer_datasets(const Confined& asked) {
  Hdf5Lock lock;
  const std::vector<Hdf5Entry> entries = libhdf5::datasets(libhdf5::opened(asked.file));
  ConfinedAnswer answer;
  put(answer.head, entries.size());
  for (const Hdf5Entry& entry : entries) {
    put_text(answer.head, entry.name);
    put_type(answer.head, entry.type);
    put_list(answer.head, entry.shape);
  }
  return answer;
}

ConfinedAnswer answer_dataset(const Confined& asked) {
  Hdf5Lock lock;
  const Hdf5Id file = libhdf5::opened(asked.file);
  const std::optional<Hdf5Id> dataset = libhdf5::dataset_of(file, asked.head);
  ConfinedAnswer answer;
  put(answer.head, dataset.has_value());
  if (!dataset) return answer;
  Hdf5Dataset made = libhdf5::described(*dataset);
  put_type(answer.head, made.type);
  put_list(answer.head, made.shape);
  put(answer.head, made.storage);
  put(answer.head, made.begin.value_or(HADDR_UNDEF));
  put_list(answer.head, made.chunk);
  put_list(answer.head, made.filters);
  put_text(answer.head, made.unknown_filter);
  answer.body = std::move(made.compact);
  return answer;
}

ConfinedAnswer answer_chunks(const Confined& asked) {
  Hdf5Lock lock;
  TakenFrom head(asked.head);
  const std::string name = head.text();
  const auto shape = taken_list<std::int64_t>(head), chunk = taken_list<std::int64_t>(head);
  const Hdf5Id file = libhdf5::opened(asked.file);
  const std::optional<Hdf5Id> dataset = libhdf5::dataset_of(file, name);
  if (!dataset) throw std::runtime_error("changes while it is read");
  const std::vector<Hdf5Chunk> chunks = libhdf5::chunks(*dataset, shape, chunk);
  ConfinedAnswer answer;
  answer.body.resize(chunks.size() * sizeof(Hdf5Chunk));
  std::memcpy(answer.body.data(), chunks.data(), answer.body.size());
  return answer;
}

ConfinedAnswer answer_whole_number(const Confined& asked) {
  Hdf5Lock lock;
  const std::optional<std::int64_t> value =
      libhdf5::whole_number(libhdf5::opened(asked.file), asked.head.c_str());
  ConfinedAnswer answer;
  put(answer.head, value.has_value());
  put(answer.head, value.value_or(0));
  return answer;
}

ConfinedAnswer answer_reals(const Confined& asked) {
  Hdf5Lock lock;
  TakenFrom head(asked.head);
  const std::string name = head.text(), attribute = head.text();
  const Hdf5Id file = libhdf5::opened(asked.file);
  const std::optional<Hdf5Id> dataset = libhdf5::dataset_of(file, name);
  ConfinedAnswer answer;
  put_list(answer.head, dataset ? libhdf5::reals(*dataset, attribute.c_str()) : std::vector<double>{});
  return answer;
}

}  // namespace

Hdf5Facts hdf5_facts(int file) {
  return TakenFrom(confined(answer_facts, {{}, {}, file}).head).value<Hdf5Facts>();
}

std::vector<Hdf5Entry> hdf5_datasets(int file) {
  const ConfinedAnswer answer = confined(answer_datasets, {{}, {}, file});
  TakenFrom head(answer.head);
  std::vector<Hdf5Entry> entries;
  for (auto count = head.value<std::size_t>(); count > 0; --count) {
    std::string name = head.text();
    Hdf5Type type = taken_type(head);
    entries.push_back({std::move(name), std::move(type), taken_list<std::int64_t>(head)});
  }
  return entries;
}

std::optional<Hdf5Dataset> hdf5_dataset(int file, const std::string& name) {
  ConfinedAnswer answer = confined(answer_dataset, {name, {}, file});
  TakenFrom head(answer.head);
  if (!head.value<bool>()) return std::nullopt;
  Hdf5Dataset made;
  made.type = taken_type(head);
  made.shape = taken_list<std::int64_t>(head);
  made.storage = head.value<Hdf5Dataset::Storage>();
  if (const auto begin = head.value<std::uint64_t>(); begin != HADDR_UNDEF) made.begin = begin;
  made.chunk = taken_list<std::int64_t>(head);
  made.filters = taken_list<Hdf5Filter>(head);
  made.unknown_filter = head.text();
  made.compact = std::move(answer.body);
  return made;
}

std::vector<Hdf5Chunk> hdf5_chunks(int file, const std::string& name, const Shape& shape,
                                   const Shape& chunk) {
  std::string asked;
  put_text(asked, name);
  put_list(asked, shape);
  put_list(asked, chunk);
  const ConfinedAnswer answer = confined(answer_chunks, {asked, {}, file});
  std::vector<Hdf5Chunk> chunks(answer.body.size() / sizeof(Hdf5Chunk));
  std::memcpy(chunks.data(), answer.body.data(), chunks.size() * sizeof(Hdf5Chunk));
  return chunks;
}

std::optional<std::int64_t> hdf5_whole_number(int file, const std::string& attribute) {
  const ConfinedAnswer answer = confined(answer_whole_number, {attribute, {}, file});
  TakenFrom head(answer.head);
  if (!head.value<bool>()) return std::nullopt;
  return head.value<std::int64_t>();
}

std::vector<double> hdf5_reals(int file, const std::string& dataset, const std::string& attribute) {
  std::string asked;
  put_text(asked, dataset);
  put_text(asked, attribute);
  const ConfinedAnswer answer = confined(answer_reals, {asked, {}, file});
  TakenFrom head(answer.head);
  return taken_list<double>(head);
}

}  // namespace dagfusion
