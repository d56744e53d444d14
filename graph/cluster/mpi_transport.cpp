// The transport over MPI: a library of its own, since a machine alone needs no MPI; one for each MPI, from this source.
//
// Of MPI it uses messages between two processes and nothing else: what is added up is added up by us, so results depend
// neither on the library nor on the network.
#ifndef OMPI_SKIP_MPICXX
#define OMPI_SKIP_MPICXX 1  // the C interface alone
#endif
#define MPICH_SKIP_MPICXX 1
#include <mpi.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "graph/cluster/transport.h"

#ifndef DAGFUSION_MPI_THREADS
#define DAGFUSION_MPI_THREADS MPI_THREAD_FUNNELED  // a simulated MPI has no threads to speak of
#endif

namespace dagfusion {

namespace {

void check(int error, const char* what) {
  if (error == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = "";
  int length = 0;
  MPI_Error_string(error, text, &length);
  throw std::runtime_error(std::string(what) + ": " + text);
}

class MpiTransport final : public Transport {
 public:
  MpiTransport() {
    int given = MPI_THREAD_SINGLE;
    check(MPI_Init_thread(nullptr, nullptr, DAGFUSION_MPI_THREADS, &given), "MPI_Init_thread");
    if (given < DAGFUSION_MPI_THREADS)
      throw std::runtime_error("this MPI cannot be used by a program with threads (MPI_THREAD_FUNNELED)");
    check(MPI_Comm_dup(MPI_COMM_WORLD, &all_), "MPI_Comm_dup");
    check(MPI_Comm_set_errhandler(all_, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
    check(MPI_Comm_rank(all_, &rank_), "MPI_Comm_rank");
    check(MPI_Comm_size(all_, &size_), "MPI_Comm_size");
  }
  int rank() const override { return rank_; }
  int size() const override { return size_; }

  Request send(int to, int tag, std::span<const std::byte> bytes) override {
    const Request request = free_request();
    check(MPI_Isend(bytes.data(), length_of(bytes.size()), MPI_BYTE, to, tag, all_, &open_[request].handle),
          "MPI_Isend");
    return static_cast<Request>(request);
  }
  Request receive(int from, int tag, std::span<std::byte> bytes) override {
    const Request request = free_request();
    check(MPI_Irecv(bytes.data(), length_of(bytes.size()), MPI_BYTE, from, tag, all_, &open_[request].handle),
          "MPI_Irecv");
    open_[request].receives = true;
    return static_cast<Request>(request);
  }
  bool done(Request request) override {
    Open& open = open_[static_cast<std::size_t>(request)];
    int is_done = 0;
    check(MPI_Test(&open.handle, &is_done, MPI_STATUS_IGNORE), "MPI_Test");
    if (!is_done) return false;
    open = {};
    free_.push_back(static_cast<std::size_t>(request));
    return true;
  }

  void leave() override {
    for (Open& open : open_)
      if (open.used && open.receives) {
        MPI_Cancel(&open.handle);
        MPI_Request_free(&open.handle);
      }
    MPI_Barrier(all_);
    MPI_Finalize();
  }
  [[noreturn]] void abort(int exit) noexcept override {
    MPI_Abort(MPI_COMM_WORLD, exit);
    std::_Exit(exit);
  }

 private:
  struct Open {
    MPI_Request handle = MPI_REQUEST_NULL;
    bool used = false, receives = false;
  };

  static int length_of(std::size_t bytes) {
    if (bytes > (std::size_t{1} << 30)) throw std::runtime_error("a message of more than 1 GiB");
    return static_cast<int>(bytes);
  }
  std::size_t free_request() {
    if (free_.empty()) {
      free_.push_back(open_.size());
      open_.emplace_back();
    }
    const std::size_t request = free_.back();
    free_.pop_back();
    open_[request].used = true;
    return request;
  }

  MPI_Comm all_ = MPI_COMM_NULL;
  int rank_ = 0, size_ = 1;
  std::vector<Open> open_;
  std::vector<std::size_t> free_;
};

}  // namespace

}  // namespace dagfusion

extern "C" dagfusion::Transport* dagfusion_open_transport() { return new dagfusion::MpiTransport; }
