'use strict'

// Loaded first by the scripts of package.json, since without the packages, or on a Node that does not run TypeScript, they would end in a
// stack trace. Old versions of Node must be able to read it, so its syntax is ECMAScript 5, and modules have their old names.

var fs = require('fs')
var path = require('path')

var oldestMajor = 24
var root = path.join(__dirname, '..')
var isInstalled = fs.existsSync(path.join(root, 'node_modules', '@quintet', 'chassis', 'package.json'))

function fault() {
  if (!isInstalled) return 'The packages of Quintet are not installed. Run "npm ci" in ' + root + ' first.'
  if (Number(process.versions.node.split('.')[0]) >= oldestMajor) return ''
  return (
    'Quintet needs Node ' +
    oldestMajor +
    ' or newer, and this is ' +
    process.version +
    '. Run "npm ci" in ' +
    root +
    ' without options, which installs the right one for all scripts of npm, or install it yourself.'
  )
}

var sentence = fault()
if (sentence !== '') {
  process.stderr.write(sentence + '\n')
  process.exit(1)
}
