# Value types shared by several interfaces.

@0xcd2c6232cb484a28;

struct Pair {
  key @0 :AnyPointer;
  value @1 :AnyPointer;
}

struct PairInt64 {
  key @0 :AnyPointer;
  value @1 :Int64;
}

struct ResultVoid {
  error @0 :BilingualStr;
}

struct BilingualStr {
  original @0 :Text;
  translated @1 :Text;
}

struct BlockRef {
  hash @0 :Data;
  height @1 :Int32;
}

struct Settings {
  forcedSettings @0 :List(Pair);
  commandLineOptions @1 :List(Pair);
  rwSettings @2 :List(Pair);
  roConfig @3 :List(Pair);
}

struct GlobalArgs {
  settings @0 :Settings;
  configPath @1 :Text;
}

struct PairUInt64 {
  key @0 :AnyPointer;
  value @1 :UInt64;
}
