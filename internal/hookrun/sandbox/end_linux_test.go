package sandbox_test

import "os"

const serverVar = "COUNTERSIGN_SANDBOX_SERVER"

func beServer() { os.Exit(0) }
