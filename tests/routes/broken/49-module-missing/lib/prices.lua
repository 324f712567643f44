return { tea = 3 }
