// A library that tests load in front of libc (LD_PRELOAD): calls fail as they do on a network file system, on a full
// disk, or without memory. What fails is in the environment, errors by number:
//
//   FAULT_LOCK=38          flock(2): ENOSYS of Lustre without -o flock, 37 ENOLCK of NFS without a lock daemon
//   FAULT_FOLDER_SYNC=22   fsync(2) of a folder: EINVAL of SMB and of some of FUSE
//   FAULT_FOLDER=30        mkdir(2): EROFS of a disk that is mounted read-only
//   FAULT_REMOVAL=39       removal of what stands below *.removed: ENOTEMPTY of NFS, where another machine reads it
//   FAULT_FREE_BYTES=1000  statvfs(3): so many bytes are free
//   FAULT_ALLOCATION=5     the fifth time that memory is asked for, from main() on
//   FAULT_END=1            a library that waits for ever when the process ends, as OpenBLAS does for threads it could not start
#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace {

std::int64_t given(const char* variable) {
  const char* text = getenv(variable);
  return text ? atoll(text) : 0;
}

// The error of that variable, as libc returns it; 0: none.
int fault(const char* variable) {
  const auto error = static_cast<int>(given(variable));
  if (error == 0) return 0;
  errno = error;
  return -1;
}

template <class F>
F* real(const char* name) {
  return reinterpret_cast<F*>(dlsym(RTLD_NEXT, name));
}

bool is_removed_checkpoint(std::string_view path) { return path.find(".removed") != path.npos; }

std::atomic<std::int64_t> until_fault{0};  // how often memory may still be asked for; 0: no fault is wanted

bool no_memory() {
  if (until_fault.load(std::memory_order_relaxed) == 0) return false;
  if (until_fault.fetch_sub(1) != 1) return false;
  errno = ENOMEM;
  return true;
}

int (*real_main)(int, char**, char**) = nullptr;

__attribute__((destructor)) void wait_at_the_end() {
  while (given("FAULT_END") != 0) pause();
}

int main_with_faults(int argc, char** argv, char** environment) {
  until_fault = given("FAULT_ALLOCATION");
  return real_main(argc, argv, environment);
}

}  // namespace

extern "C" {

int flock(int file, int operation) {
  if (const int failed = fault("FAULT_LOCK")) return failed;
  return real<int(int, int)>("flock")(file, operation);
}

int fsync(int file) {
  struct stat facts {};
  if (fstat(file, &facts) == 0 && S_ISDIR(facts.st_mode))
    if (const int failed = fault("FAULT_FOLDER_SYNC")) return failed;
  return real<int(int)>("fsync")(file);
}

int mkdir(const char* path, mode_t mode) noexcept {
  if (const int failed = fault("FAULT_FOLDER")) return failed;
  return real<int(const char*, mode_t)>("mkdir")(path, mode);
}

int rmdir(const char* path) noexcept {
  if (is_removed_checkpoint(path))
    if (const int failed = fault("FAULT_REMOVAL")) return failed;
  return real<int(const char*)>("rmdir")(path);
}

int unlinkat(int folder, const char* name, int flags) noexcept {
  char link[64], path[PATH_MAX] = {};
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
  if (readlink(link, path, sizeof path - 1) > 0 && is_removed_checkpoint(path))
    if (const int failed = fault("FAULT_REMOVAL")) return failed;
  return real<int(int, const char*, int)>("unlinkat")(folder, name, flags);
}

int statvfs(const char* path, struct statvfs* facts) noexcept {
  const int result = real<int(const char*, struct statvfs*)>("statvfs")(path, facts);
  if (const std::int64_t free = given("FAULT_FREE_BYTES"); free > 0)
    facts->f_bavail = static_cast<fsblkcnt_t>(free) / facts->f_frsize;
  return result;
}

// glibc's own functions under the names that stay when another malloc stands in front; free() goes with them.
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t bytes) { return no_memory() ? nullptr : __libc_malloc(bytes); }
void* calloc(std::size_t n, std::size_t bytes) { return no_memory() ? nullptr : __libc_calloc(n, bytes); }
void* realloc(void* old, std::size_t bytes) { return no_memory() ? nullptr : __libc_realloc(old, bytes); }
void* memalign(std::size_t alignment, std::size_t bytes) {
  return no_memory() ? nullptr : __libc_memalign(alignment, bytes);
}
void* aligned_alloc(std::size_t alignment, std::size_t bytes) { return memalign(alignment, bytes); }
int posix_memalign(void** made, std::size_t alignment, std::size_t bytes) {
  void* const memory = memalign(alignment, bytes);
  if (!memory) return ENOMEM;
  *made = memory;
  return 0;
}

// What the loader and the constructors of libraries ask for before main() is not counted: no program can go on there.
int __libc_start_main(int (*program)(int, char**, char**), int argc, char** argv, void (*init)(),
                      void (*fini)(), void (*loader_fini)(), void* stack_end) {
  real_main = program;
  using Start = int(int (*)(int, char**, char**), int, char**, void (*)(), void (*)(), void (*)(), void*);
  return real<Start>("__libc_start_main")(main_with_faults, argc, argv, init, fini, loader_fini, stack_end);
}
}
