plugins { kotlin("jvm") }

kotlin { jvmToolchain(17) }

// What holds the module to the vectors; it reads what is internal, so it is compiled as a test is.
sourceSets { test { kotlin.srcDir("src/check/kotlin") } }

val vectors by tasks.registering(JavaExec::class) {
    description = "Hold the module to the vectors of spec/."
    classpath = sourceSets.test.get().runtimeClasspath
    mainClass = "org.restorect.core.CheckKt"
    args("vectors", rootDir.resolve("../../spec"))
}
