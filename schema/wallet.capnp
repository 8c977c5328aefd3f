# Wallet interfaces: the name alone, as Init and Node mention it.

@0xe234cce74feea00c;

interface WalletLoader {}
