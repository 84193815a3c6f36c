// Package module is the contract to build a script: its npm modules are resolved, checked and bundled at deploy, into one package that every node
// runs as it is. Package npm implements it.
//
// A build is Source → Build, or an error that says what to change. Building never runs code of modules, and changes nothing that is stored.
package module
