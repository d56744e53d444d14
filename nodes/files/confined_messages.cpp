#include "nodes/files/confined_messages.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace dagfusion {

std::optional<std::pair<Socket, Socket>> joined_sockets() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) return std::nullopt;
  return std::pair(Socket(ends[0]), Socket(ends[1]));
}

bool send_all(int to, std::vector<std::span<const std::uint8_t>> parts, int file) {
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  for (std::size_t first = 0; first < parts.size();) {
    std::vector<iovec> left;
    for (std::size_t i = first; i < parts.size(); ++i)
      left.push_back({const_cast<std::uint8_t*>(parts[i].data()), parts[i].size()});
    msghdr message = {};
    message.msg_iov = left.data();
    message.msg_iovlen = left.size();
    if (file >= 0) {
      message.msg_control = room.data();
      message.msg_controllen = room.size();
      cmsghdr* const rights = CMSG_FIRSTHDR(&message);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(int));
      std::memcpy(CMSG_DATA(rights), &file, sizeof file);
    }
    const ssize_t sent = ::sendmsg(to, &message, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    file = -1;
    for (auto bytes = static_cast<std::size_t>(sent);; ++first) {
      const std::size_t here = first < parts.size() ? std::min(bytes, parts[first].size()) : 0;
      if (first == parts.size()) break;
      parts[first] = parts[first].subspan(here);
      bytes -= here;
      if (!parts[first].empty()) break;
    }
  }
  return true;
}

bool receive_all(int from, std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = ::read(from, bytes.data(), bytes.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(got));
  }
  return true;
}

bool receive_with_file(int from, std::span<std::uint8_t> bytes, int& file) {
  iovec part = {bytes.data(), bytes.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> room{};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = room.data();
  message.msg_controllen = room.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(from, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  } while (got < 0 && errno == EINTR);
  if (got != static_cast<ssize_t>(bytes.size())) return false;
  file = -1;
  const cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  if (rights && rights->cmsg_type == SCM_RIGHTS) std::memcpy(&file, CMSG_DATA(rights), sizeof file);
  return true;
}

}  // namespace dagfusion
