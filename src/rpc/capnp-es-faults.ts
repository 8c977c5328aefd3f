// Works around a fault of capnp-es 0.0.16 with which a few damaged bytes could block the process.

import { List } from "capnp-es";

// An error text that names a list includes all its elements, as many as its pointer claims: up to 2^29.
List.prototype.toString = () => "a list";
