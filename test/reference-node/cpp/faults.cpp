// A fault's parts add up: first the delay, then the hanging, then the exception.
#include "faults.h"

namespace reference {

void Faults::fail(const std::string& method, kj::Exception::Type type, kj::StringPtr reason) {
  faults[method].exception = kj::Exception(type, __FILE__, __LINE__, kj::heapString(reason));
}

void Faults::delay(const std::string& method, kj::Duration duration) { faults[method].delay = duration; }

void Faults::hang(const std::string& method) {
  auto& fault = faults[method];
  if (fault.hang == nullptr) fault.hang.emplace();
}

void Faults::remove(const std::string& method) { faults[method].isRemoved = true; }

bool Faults::isRemoved(const std::string& method) const {
  auto found = faults.find(method);
  return found != faults.end() && found->second.isRemoved;
}

void Faults::clear(const std::string& method) {
  auto found = faults.find(method);
  if (found == faults.end()) return;
  KJ_IF_MAYBE(hang, found->second.hang) { hang->end.fulfiller->fulfill(); }
  faults.erase(found);
}

void Faults::clearAll() {
  while (!faults.empty()) clear(std::string(faults.begin()->first));
}

kj::Promise<void> Faults::suffer(const std::string& method) {
  kj::Promise<void> suffered = kj::READY_NOW;
  auto found = faults.find(method);
  if (found == faults.end()) return suffered;
  auto& fault = found->second;
  KJ_IF_MAYBE(delay, fault.delay) { suffered = timer.afterDelay(*delay); }
  KJ_IF_MAYBE(hang, fault.hang) {
    suffered = suffered.then([ended = hang->ended.addBranch()]() mutable { return kj::mv(ended); });
  }
  KJ_IF_MAYBE(exception, fault.exception) {
    suffered = suffered.then([exception = kj::cp(*exception)]() mutable -> kj::Promise<void> {
      return kj::mv(exception);
    });
  }
  return suffered;
}

}  // namespace reference
