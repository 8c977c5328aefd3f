// A fault of capnp-es 0.0.16 that a few damaged bytes could use to hang us. Mended here, before the first message is read.

import { List } from "capnp-es";

// An error text that names a list spells out its elements, as many as its pointer claims: up to half a thousand million.
List.prototype.toString = () => "a list";
