// Kotlin is part of the Android Gradle plugin since 9.0, which refuses org.jetbrains.kotlin.android.
plugins {
    id("com.android.application") version "9.2.1" apply false
}
