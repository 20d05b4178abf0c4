namespace clawtrace {}
