# The functions of nixpkgs' lib that this project's Nix files use, written anew as its documentation describes them.
let
  basic = rec {
    inherit (builtins)
      concatMap
      elem
      filter
      head
      length
      mapAttrs
      ;

    # Lists and attribute sets
    last = list: builtins.elemAt list (length list - 1);
    unique = builtins.foldl' (seen: x: if elem x seen then seen else seen ++ [ x ]) [ ];
    allUnique = list: unique list == list;
    optional = condition: x: if condition then [ x ] else [ ];
    optionals = condition: list: if condition then list else [ ];
    optionalAttrs = condition: set: if condition then set else { };
    nameValuePair = name: value: { inherit name value; };
    mapAttrs' = f: set: builtins.listToAttrs (mapAttrsToList f set);
    mapAttrsToList = f: set: map (name: f name set.${name}) (builtins.attrNames set);
    genAttrs = names: f: builtins.listToAttrs (map (name: nameValuePair name (f name)) names);
    filterAttrs =
      keep: set:
      removeAttrs set (filter (name: !keep name set.${name}) (builtins.attrNames set));

    # Strings
    concatStrings = builtins.concatStringsSep "";
    concatMapStrings = f: list: concatStrings (map f list);
    concatMapStringsSep =
      separator: f: list:
      builtins.concatStringsSep separator (map f list);
    optionalString = condition: string: if condition then string else "";
    boolToString = x: if x then "true" else "false";
    hasPrefix = prefix: string: builtins.substring 0 (builtins.stringLength prefix) string == prefix;
    hasSuffix =
      suffix: string:
      let
        rest = builtins.stringLength string - builtins.stringLength suffix;
      in
      rest >= 0 && builtins.substring rest (-1) string == suffix;
    splitString =
      separator: string: filter builtins.isString (builtins.split "[${separator}]" string);
    toInt = builtins.fromJSON;
    escapeShellArg = string: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] (toString string)}'";

    # Files and packages
    importJSON = file: builtins.fromJSON (builtins.readFile file);
    fileset.unions = files: files;
    fileset.toSource =
      { root, fileset }:
      let
        chosen = map toString fileset;
      in
      builtins.path {
        path = root;
        name = "source";
        # A chosen folder's content, and the folders on the way to what is chosen.
        filter = file: _: builtins.any (c: c == file || hasPrefix "${c}/" file || hasPrefix "${file}/" c) chosen;
      };
    filesystem.listFilesRecursive =
      folder:
      concatMap (
        name:
        if (builtins.readDir folder).${name} == "directory" then
          filesystem.listFilesRecursive (folder + "/${name}")
        else
          [ (folder + "/${name}") ]
      ) (builtins.attrNames (builtins.readDir folder));
    getExe = package: getExe' package package.meta.mainProgram;
    getExe' = package: name: "${package}/bin/${name}";
    makeBinPath = concatMapStringsSep ":" (package: "${package}/bin");
    fetchers.proxyImpureEnvVars = [
      "http_proxy"
      "https_proxy"
      "all_proxy"
      "no_proxy"
    ];
    licenses.mit.spdxId = "MIT";
    sourceTypes.binaryNativeCode.shortName = "binaryNativeCode";
  };

  lib = basic // import ./modules.nix lib;
in
lib
