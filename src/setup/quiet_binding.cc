// Stands where tfjs-node looks for its binding, and loads the real one, tfjs_native.node beside it, in silence: while
// libtensorflow is loaded, its initialisers write on stderr at every log level. TF_CPP_MIN_LOG_LEVEL=0 lets them speak.
#include <dlfcn.h>
#include <fcntl.h>
#include <node_api.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <string>

namespace {

// While it lives, what is written to stderr goes nowhere.
class Silence {
 public:
  Silence() {
    const char* level = getenv("TF_CPP_MIN_LOG_LEVEL");
    if (level != nullptr && strcmp(level, "0") == 0) return;
    const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0) return;
    fflush(stderr);
    kept_ = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0);
    if (kept_ >= 0) dup2(nowhere, STDERR_FILENO);
    close(nowhere);
  }
  ~Silence() {
    if (kept_ < 0) return;
    fflush(stderr);
    dup2(kept_, STDERR_FILENO);
    close(kept_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  int kept_ = -1;
};

using Register = napi_value (*)(napi_env, napi_value);

// This library's own place, by the address of one of its functions.
std::string NativePath() {
  Dl_info info;
  if (dladdr(reinterpret_cast<void*>(&NativePath), &info) == 0) return "tfjs_native.node";
  const std::string own = info.dli_fname;
  return own.substr(0, own.rfind('/') + 1) + "tfjs_native.node";
}

// Null where it fails; dlerror() says why. It stays loaded, as every binding does.
Register Load() {
  const Silence silence;
  void* native = dlopen(NativePath().c_str(), RTLD_LAZY);
  if (native == nullptr) return nullptr;
  return reinterpret_cast<Register>(dlsym(native, "napi_register_module_v1"));
}

}  // namespace

NAPI_MODULE_INIT() {
  const Register start = Load();
  if (start != nullptr) return start(env, exports);
  const char* why = dlerror();
  napi_throw_error(env, "ERR_DLOPEN_FAILED", why != nullptr ? why : "tfjs_native.node cannot be loaded");
  return nullptr;
}
