# The module system, as far as the NixOS module's tests go: options with types and defaults, imports, submodules, mkIf,
# mkMerge and mkDefault. Messages have the wording of nixpkgs, so that the same tests run with either.
lib:
let
  showOption = builtins.concatStringsSep ".";
  isOption = x: (x._type or null) == "option";

  # A definition is a value and its priority; the lowest wins. mkIf, mkMerge and mkDefault unfold into definitions.
  unfold =
    priority: x:
    {
      "if" = if x.condition then unfold priority x.content else [ ];
      merge = lib.concatMap (unfold priority) x.contents;
      override = unfold x.priority x.content;
    }
    .${x._type or ""} or [
      {
        inherit priority;
        value = x;
      }
    ];

  below =
    name: definitions:
    lib.concatMap (d: if d.value ? ${name} then unfold d.priority d.value.${name} else [ ]) definitions;

  names = sets: lib.unique (lib.concatMap builtins.attrNames sets);

  # Modules with all that they import, each with imports, options and config.
  collect =
    arguments: module:
    let
      value = if builtins.isPath module then import module else module;
      set = if builtins.isFunction value then value arguments else value;
      whole =
        if set ? options || set ? config then
          set
        else
          {
            imports = set.imports or [ ];
            config = removeAttrs set [ "imports" ];
          };
    in
    [ whole ] ++ lib.concatMap (collect arguments) (whole.imports or [ ]);

  # The values below `path`, by the options and definitions that modules have there.
  evaluate =
    path: options: definitions:
    let
      unknown = builtins.filter (name: !builtins.elem name (names options)) (
        names (map (d: d.value) definitions)
      );
      valueOf =
        name:
        let
          here = path ++ [ name ];
          declared = map (set: set.${name}) (builtins.filter (set: set ? ${name}) options);
        in
        if isOption (builtins.head declared) then
          merge here (builtins.head declared) (below name definitions)
        else
          evaluate here declared (below name definitions);
    in
    if unknown != [ ] then
      throw "The option `${showOption (path ++ [ (builtins.head unknown) ])}' does not exist."
    else
      lib.genAttrs (names options) valueOf;

  merge =
    path: option: definitions:
    let
      first = builtins.foldl' (a: d: if d.priority < a then d.priority else a) 10000 definitions;
      values = map (d: d.value) (builtins.filter (d: d.priority == first) definitions);
    in
    if values != [ ] then
      mergeValues path option.type values
    else
      option.default
        or (throw "The option `${showOption path}' was accessed but has no value defined. Try setting the option.");

  mergeValues =
    path: type: values:
    if builtins.all type.check values then
      type.merge path values
    else
      throw "A definition for option `${showOption path}' is not of type `${type.description}'.";

  evalModules =
    {
      modules,
      specialArgs ? { },
      prefix ? [ ],
    }:
    let
      arguments = specialArgs // {
        inherit config lib;
      };
      all = lib.concatMap (collect arguments) modules;
      config = evaluate prefix (map (module: module.options or { }) all) (
        lib.concatMap (module: unfold 100 (module.config or { })) all
      );
    in
    {
      inherit config;
    };

  one =
    path: values:
    if lib.length (lib.unique values) == 1 then
      builtins.head values
    else
      throw "The option `${showOption path}' has conflicting definition values.";
  simple = description: check: {
    inherit check description;
    merge = one;
  };

  types = {
    anything = simple "anything" (_: true);
    bool = simple "boolean" builtins.isBool;
    raw = simple "raw value" (_: true);
    int = simple "signed integer" builtins.isInt;
    str = simple "string" builtins.isString;
    package = simple "package" (x: (x.type or null) == "derivation");
    strMatching =
      pattern:
      simple "string matching the pattern ${pattern}" (
        x: builtins.isString x && builtins.match pattern x != null
      );
    numbers.between =
      low: high:
      simple "integer or floating point number between ${toString low} and ${toString high} (both inclusive)" (
        x: (builtins.isInt x || builtins.isFloat x) && low <= x && x <= high
      );
    listOf = element: {
      description = "list of ${element.description}";
      check = builtins.isList;
      merge = path: values: map (x: mergeValues path element [ x ]) (builtins.concatLists values);
    };
    attrsOf = element: {
      description = "attribute set of ${element.description}";
      check = builtins.isAttrs;
      merge =
        path: values:
        lib.genAttrs (names values) (
          name:
          merge (path ++ [ name ]) { type = element; } (
            below name (lib.concatMap (unfold 100) values)
          )
        );
    };
    submodule = module: {
      description = "submodule";
      check = x: builtins.isAttrs x || builtins.isFunction x;
      merge = prefix: values: (evalModules { inherit prefix; modules = [ module ] ++ values; }).config;
    };
  };
in
{
  inherit evalModules types;
  mkOption = option: option // { _type = "option"; };
  mkEnableOption =
    what:
    {
      _type = "option";
      type = types.bool;
      default = false;
      description = "Whether to enable ${what}.";
    };
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkDefault = content: {
    _type = "override";
    priority = 1000;
    inherit content;
  };
  literalExpression = text: { inherit text; };
}
