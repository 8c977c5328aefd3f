# WalletLoader: the name alone, which Init and Node refer to.

@0xe234cce74feea00c;

interface WalletLoader {}
