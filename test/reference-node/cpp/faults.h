// The faults that commands set on methods: exceptions, delays, hanging, removal.
#pragma once

#include <kj/async.h>
#include <kj/exception.h>
#include <kj/timer.h>

#include <map>
#include <string>

namespace reference {

class Faults {
public:
  explicit Faults(kj::Timer& timer) : timer(timer) {}

  void fail(const std::string& method, kj::Exception::Type type, kj::StringPtr reason);
  void delay(const std::string& method, kj::Duration duration);
  void hang(const std::string& method);
  void remove(const std::string& method);

  // Calls that hang go on.
  void clear(const std::string& method);
  void clearAll();

  // Whether the method is to be refused as the runtime refuses one that its interface does not have.
  bool isRemoved(const std::string& method) const;

  // Resolves when a call of the method that comes now may be answered; rejects when it is to throw.
  kj::Promise<void> suffer(const std::string& method);

private:
  struct Hang {
    kj::PromiseFulfillerPair<void> end = kj::newPromiseAndFulfiller<void>();
    kj::ForkedPromise<void> ended = end.promise.fork();
  };
  struct Fault {
    kj::Maybe<kj::Exception> exception;
    kj::Maybe<kj::Duration> delay;
    kj::Maybe<Hang> hang;
    bool isRemoved = false;
  };

  kj::Timer& timer;
  std::map<std::string, Fault> faults;
};

}  // namespace reference
