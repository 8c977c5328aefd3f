{
  description = "Stands in for nixpkgs where there is none: what flake.nix and module.nix use of it, and no more";

  outputs = _: {
    lib = import ./lib.nix;
    legacyPackages.x86_64-linux = import ./packages.nix { system = "x86_64-linux"; };
    legacyPackages.aarch64-linux = import ./packages.nix { system = "aarch64-linux"; };
  };
}
