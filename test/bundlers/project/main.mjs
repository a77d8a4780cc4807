import { exercise } from './exercise.mjs'

console.log(JSON.stringify(await exercise(process.argv[2])))
