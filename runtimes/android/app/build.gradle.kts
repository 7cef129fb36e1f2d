plugins {
    id("com.android.application")
    kotlin("android")
}

android {
    namespace = "org.restorect.app"
    compileSdk = 36
    defaultConfig {
        applicationId = "org.restorect.app"
        minSdk = 26
        targetSdk = 36
        versionCode = 1
        versionName = "0.1.0"
    }
}

kotlin { jvmToolchain(17) }

dependencies {
    implementation(project(":core"))
    implementation("androidx.activity:activity-ktx:1.11.0")
    implementation("androidx.camera:camera-camera2:1.5.0")
    implementation("androidx.camera:camera-lifecycle:1.5.0")
    implementation("com.google.ai.edge.litert:litert:2.1.0")
}
